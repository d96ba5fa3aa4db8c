"""The console: a web application that shows what runs, what changed and what broke, and takes orders of people."""
