# spec-bosch-sieve-debug 4: Debug_log needs its require
debug_log "text";
