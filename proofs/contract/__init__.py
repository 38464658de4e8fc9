"""The app's calls over a real socket, byte for byte, against the tests' live server or any other one."""
