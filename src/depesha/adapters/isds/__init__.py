"""Czech data boxes (ISDS): the wire, its papers, and its words. It never decides what to do."""
