"""From what protoc hands over to the intermediate representation."""
