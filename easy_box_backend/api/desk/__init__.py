"""The desk: the manager's pages, in Django templates and htmx. They call actions and never write themselves."""
