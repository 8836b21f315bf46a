# RFC 5228 8.1: A number has one suffix at most
if size :over 10KB { keep; }
