"""The local HTTP server: the ASGI application, its guard, and the thread it lives in."""
