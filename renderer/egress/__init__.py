"""The addresses that the renderer may reach, and the proxies that it uses."""
