"""OpenAI Chat Completions, to and from Anthropic Messages. What happens to each field: docs/translation.md."""
