"""Call detail records in other people's forms into `call_end`: FreeSWITCH, Kamailio, and any table of rows. Pure."""
