"""The languages that clients speak. Each translates to and from Anthropic Messages, never to another dialect."""
