"""The Bulgarian network СЕОС: signed XML inside a SOAP string."""
