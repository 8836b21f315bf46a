# RFC 6609 3.1: Include needs its require
include "plain";
