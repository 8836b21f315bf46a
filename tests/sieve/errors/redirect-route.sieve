# RFC 5228 2.4.2.3: Routes are not permitted
redirect "<@relay.example.com:ann@example.com>";
