# RFC 5703 3.2: A break names a loop around it
require "foreverypart";
foreverypart :name "a" {
    break :name "b";
}
