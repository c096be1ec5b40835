"""The real edge: dnspython, asyncio streams and ssl, paramiko. Their only importer."""
