# Numbers beyond all bounds.
if size :over 99999999999999999999G { keep; }
