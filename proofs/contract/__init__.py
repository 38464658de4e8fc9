"""The app's calls over a real socket, byte for byte, against a live server of the tests or any other one."""
