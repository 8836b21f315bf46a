# Four loops inside one another over a message of many parts.
require ["foreverypart", "mime", "variables"];
set "n" "";
foreverypart { foreverypart { foreverypart { foreverypart {
  if header :mime :anychild :contains "content-type" ["a", "b", "c", "d", "e", "f", "zzz"] { set "n" "x"; }
} } }
  if header :mime :anychild :matches "content-type" "*z*z*z*" { discard; }
  if header :mime :anychild :matches "content-type" "*z*z*z*" { discard; }
  if header :mime :anychild :matches "content-type" "*z*z*z*" { discard; }
  if header :mime :anychild :matches "content-type" "*z*z*z*" { discard; }
  if header :mime :anychild :matches "content-type" "*z*z*z*" { discard; }
  if header :mime :anychild :matches "content-type" "*z*z*z*" { discard; }
  if header :mime :anychild :matches "content-type" "*z*z*z*" { discard; }
  if header :mime :anychild :matches "content-type" "*z*z*z*" { discard; }
  if header :mime :anychild :matches "content-type" "*z*z*z*" { discard; }
  if header :mime :anychild :matches "content-type" "*z*z*z*" { discard; }
  if header :mime :anychild :matches "content-type" "*z*z*z*" { discard; }
  if header :mime :anychild :matches "content-type" "*z*z*z*" { discard; }
  if header :mime :anychild :matches "content-type" "*z*z*z*" { discard; }
  if header :mime :anychild :matches "content-type" "*z*z*z*" { discard; }
  if header :mime :anychild :matches "content-type" "*z*z*z*" { discard; }
  if header :mime :anychild :matches "content-type" "*z*z*z*" { discard; }
  if header :mime :anychild :matches "content-type" "*z*z*z*" { discard; }
  if header :mime :anychild :matches "content-type" "*z*z*z*" { discard; }
  if header :mime :anychild :matches "content-type" "*z*z*z*" { discard; }
  if header :mime :anychild :matches "content-type" "*z*z*z*" { discard; }
  if header :mime :anychild :matches "content-type" "*z*z*z*" { discard; }
  if header :mime :anychild :matches "content-type" "*z*z*z*" { discard; }
  if header :mime :anychild :matches "content-type" "*z*z*z*" { discard; }
  if header :mime :anychild :matches "content-type" "*z*z*z*" { discard; }
  if header :mime :anychild :matches "content-type" "*z*z*z*" { discard; }
  if header :mime :anychild :matches "content-type" "*z*z*z*" { discard; }
  if header :mime :anychild :matches "content-type" "*z*z*z*" { discard; }
  if header :mime :anychild :matches "content-type" "*z*z*z*" { discard; }
  if header :mime :anychild :matches "content-type" "*z*z*z*" { discard; }
  if header :mime :anychild :matches "content-type" "*z*z*z*" { discard; }
  if header :mime :anychild :matches "content-type" "*z*z*z*" { discard; }
  if header :mime :anychild :matches "content-type" "*z*z*z*" { discard; }
  if header :mime :anychild :matches "content-type" "*z*z*z*" { discard; }
  if header :mime :anychild :matches "content-type" "*z*z*z*" { discard; }
  if header :mime :anychild :matches "content-type" "*z*z*z*" { discard; }
  if header :mime :anychild :matches "content-type" "*z*z*z*" { discard; }
  if header :mime :anychild :matches "content-type" "*z*z*z*" { discard; }
  if header :mime :anychild :matches "content-type" "*z*z*z*" { discard; }
  if header :mime :anychild :matches "content-type" "*z*z*z*" { discard; }
  if header :mime :anychild :matches "content-type" "*z*z*z*" { discard; }
  if header :mime :anychild :matches "content-type" "*z*z*z*" { discard; }
  if header :mime :anychild :matches "content-type" "*z*z*z*" { discard; }
  if header :mime :anychild :matches "content-type" "*z*z*z*" { discard; }
  if header :mime :anychild :matches "content-type" "*z*z*z*" { discard; }
  if header :mime :anychild :matches "content-type" "*z*z*z*" { discard; }
  if header :mime :anychild :matches "content-type" "*z*z*z*" { discard; }
  if header :mime :anychild :matches "content-type" "*z*z*z*" { discard; }
  if header :mime :anychild :matches "content-type" "*z*z*z*" { discard; }
  if header :mime :anychild :matches "content-type" "*z*z*z*" { discard; }
  if header :mime :anychild :matches "content-type" "*z*z*z*" { discard; }
}
keep;
