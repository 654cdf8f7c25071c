"""From values to text: templates, and Python source that black leaves as it is."""
