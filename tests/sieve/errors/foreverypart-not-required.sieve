# RFC 5703 3: The loop needs its require
foreverypart { keep; }
