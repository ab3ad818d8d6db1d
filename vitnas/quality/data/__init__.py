"""Images that proxies see and networks are trained on."""
