# RFC 5703 3.2: A break outside of a loop is an error
require "foreverypart";
break;
