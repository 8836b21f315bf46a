# RFC 5490 3.2: Keep takes no :create
require "mailbox";
keep :create;
