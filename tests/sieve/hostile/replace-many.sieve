# Each part replaced by many, again and again.
require ["replace", "foreverypart"];
foreverypart { replace :mime text:
Content-Type: multipart/mixed; boundary=x

--x

1
--x

2
--x

3
--x--
.
; }
foreverypart { replace :mime text:
Content-Type: multipart/mixed; boundary=x

--x

1
--x

2
--x

3
--x--
.
; }
foreverypart { replace :mime text:
Content-Type: multipart/mixed; boundary=x

--x

1
--x

2
--x

3
--x--
.
; }
foreverypart { replace :mime text:
Content-Type: multipart/mixed; boundary=x

--x

1
--x

2
--x

3
--x--
.
; }
foreverypart { replace :mime text:
Content-Type: multipart/mixed; boundary=x

--x

1
--x

2
--x

3
--x--
.
; }
foreverypart { replace :mime text:
Content-Type: multipart/mixed; boundary=x

--x

1
--x

2
--x

3
--x--
.
; }
foreverypart { replace :mime text:
Content-Type: multipart/mixed; boundary=x

--x

1
--x

2
--x

3
--x--
.
; }
foreverypart { replace :mime text:
Content-Type: multipart/mixed; boundary=x

--x

1
--x

2
--x

3
--x--
.
; }
foreverypart { replace :mime text:
Content-Type: multipart/mixed; boundary=x

--x

1
--x

2
--x

3
--x--
.
; }
foreverypart { replace :mime text:
Content-Type: multipart/mixed; boundary=x

--x

1
--x

2
--x

3
--x--
.
; }
foreverypart { replace :mime text:
Content-Type: multipart/mixed; boundary=x

--x

1
--x

2
--x

3
--x--
.
; }
foreverypart { replace :mime text:
Content-Type: multipart/mixed; boundary=x

--x

1
--x

2
--x

3
--x--
.
; }
foreverypart { replace :mime text:
Content-Type: multipart/mixed; boundary=x

--x

1
--x

2
--x

3
--x--
.
; }
foreverypart { replace :mime text:
Content-Type: multipart/mixed; boundary=x

--x

1
--x

2
--x

3
--x--
.
; }
foreverypart { replace :mime text:
Content-Type: multipart/mixed; boundary=x

--x

1
--x

2
--x

3
--x--
.
; }
foreverypart { replace :mime text:
Content-Type: multipart/mixed; boundary=x

--x

1
--x

2
--x

3
--x--
.
; }
foreverypart { replace :mime text:
Content-Type: multipart/mixed; boundary=x

--x

1
--x

2
--x

3
--x--
.
; }
foreverypart { replace :mime text:
Content-Type: multipart/mixed; boundary=x

--x

1
--x

2
--x

3
--x--
.
; }
foreverypart { replace :mime text:
Content-Type: multipart/mixed; boundary=x

--x

1
--x

2
--x

3
--x--
.
; }
foreverypart { replace :mime text:
Content-Type: multipart/mixed; boundary=x

--x

1
--x

2
--x

3
--x--
.
; }
