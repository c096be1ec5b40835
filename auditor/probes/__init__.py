"""Outside: coroutines (subject, network, earlier evidence) -> evidence. Modules with a leading underscore hold none."""
