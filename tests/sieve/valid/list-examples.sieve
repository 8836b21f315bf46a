# RFC 6134 2.9: examples 1 to 5.
require ["envelope", "extlists", "fileinto", "spamtest", "relational", "comparator-i;ascii-numeric", "variables", "date",
         "enotify", "subaddress", "index", "reject", "foreverypart", "mime", "enclose"];
if envelope :list "from" ":addrbook:default"
  { /* Known: allow high spam score */
    if spamtest :value "ge" :comparator "i;ascii-numeric" "8"
      {
        fileinto "spam";
      }
  }
elsif spamtest :value "ge" :comparator "i;ascii-numeric" "3"
  { /* Unknown: less tolerance in spam score */
    fileinto "spam";
  }
if currentdate :list "date" "tag:example.com,2011-01-01:localHolidays" {
    notify "mailto:romeo@im.example.com";
}
if allof (envelope :detail "to" "mylist",
          header :list "from" "tag:example.com,2010-05-28:mylist") {
    redirect :list "tag:example.com,2010-05-28:mylist";
}
if header :index 1 :matches "received" "*(* [*.*.*.*])*" {
  set "ip" "${3}.${4}.${5}.${6}";
  if string :list "${ip}" "tag:example.com,2011-04-10:DisallowedIPs" {
    keep;
  }
}
foreverypart
{
  if header :mime :param "filename" :list ["Content-Type", "Content-Disposition"]
       "tag:example.com,2011-04-10:BadFileNameExts"
  {
    enclose :subject "Warning" text:
WARNING! The enclosed message has attachments that might be unsafe.
.
;
    break;
  }
}
