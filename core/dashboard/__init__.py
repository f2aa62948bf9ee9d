"""The dashboard: what a person sees of the proxy in a browser. It knows no desktop: that comes in as `Controls`."""
