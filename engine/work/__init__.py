"""Work: what is computed, by kind; performed into the store, as jobs of a server or from the command line."""
