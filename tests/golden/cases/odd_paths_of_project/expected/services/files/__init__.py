"""The implementation of acme.paths.files.FilesService."""
