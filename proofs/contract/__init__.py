"""The app's calls over a real socket, byte for byte, against Django's live test server or any running one."""
