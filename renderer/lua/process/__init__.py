"""The code in the processes of scripts. It imports nothing of the server, so a process is small."""
