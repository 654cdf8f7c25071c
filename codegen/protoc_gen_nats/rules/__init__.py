"""What no schema can get wrong by itself: rules over the whole set, and over set and manifest."""
