# RFC 5228 2.3: Bracketed comments do not nest
/* outer /* inner */ keep; */
