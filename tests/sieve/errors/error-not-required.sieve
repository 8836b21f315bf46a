# RFC 5463 5: The error control needs ihave
error "x";
