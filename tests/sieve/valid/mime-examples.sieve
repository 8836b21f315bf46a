# RFC 5703 4.1, 4.2, 4.3.
require ["mime", "fileinto", "foreverypart"];
if header :mime :type "Content-Type" "image"
{
    fileinto "INBOX.images";
}
if header :mime :anychild :contenttype
          "Content-Type" "text/html"
{
    fileinto "INBOX.html";
}
foreverypart
{
    if allof (
      header :mime :param "filename" :contains
         "Content-Disposition" "important",
      header :mime :subtype "Content-Type" "pdf",
      size :over 100K)
    {
        fileinto "INBOX.important";
        break;
    }
}
if address :mime :is :all "content-from" "tim@example.com"
{
    fileinto "INBOX.part-from-tim";
}
if exists :mime :anychild "content-md5"
{
    fileinto "INBOX.md5";
}
