"""The console's content pages: how all stands, search, and the story of one document."""
