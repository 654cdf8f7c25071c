"""One module for each family of artefacts: `render(schema, …)` gives its files."""
