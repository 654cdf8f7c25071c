"""Names, folders and comments that mean something to Python, to protobuf or to generated code."""

from __future__ import annotations

from hypothesis import strategies as st

__all__ = ["COMMENTS", "FOLDERS", "IDENTIFIERS"]

_NAMES = (
    *("None", "True", "class", "class_", "from", "import", "async", "await", "lambda", "yield"),
    *("match", "case", "type", "_", "__", "___", "self", "cls", "int", "str", "bool", "bytes"),
    *("float", "list", "dict", "object", "property", "super", "print", "getattr", "isinstance"),
    *("Message", "_Message", "Literal", "_Literal", "Iterable", "Mapping", "AsyncIterator"),
    *("ABC", "abstractmethod", "Final", "Client", "Server", "Publisher", "Service", "protonats"),
    *("_codegen", "timeout", "metadata", "info", "request", "requests", "context", "event"),
    *("HasField", "Clear", "Name", "Value", "keys", "items", "ValueType"),
    *("Foo", "FooClient", "FooServer", "FooMethods", "FooEntry", "foo", "foo_bar", "FooBar"),
    *("_foo", "__foo", "x_pb2", "a_nats", "builtins", "typing", "google", "_py_Message"),
    *("_FooEnum", "Extensions", "A1B2", "HTTPServer", "n" * 70, "N" * 95),
    *("CopyFrom", "ByteSize", "Extensions", "FindInitializationErrors", "_", "_0", "mro", "_x_"),
)
IDENTIFIERS = st.one_of(
    st.sampled_from(_NAMES), st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,12}", fullmatch=True)
)
"""Names of messages, fields, enums, services and methods."""

FOLDERS = (
    *("a", "b_c", "d-e", "import", "class", "None", "match", "2024", "1a", "my dir", "v1.2"),
    *("async", "über", "types", "_", "google", "x+y", "N" * 40),
)

_TEXTS = (
    *(
        "Plain.",
        '"Quoted"',
        'ends with "',
        "ends with \\",
        '"""',
        "'''",
        '\\"""',
        "a\n\n  b\n    c",
    ),
    *("\t tab", "\x00\x07\x1b[31m", "\u202eright\u2066", "\u200b", "\ufeff", "x\x85y\u2028z"),
    *("\r\nCRLF", "{{ braces }} {% x %} {# y #}", "%s \\N{BULLET} \\x", "# type: ignore"),
    *("fmt: off", "w " * 300, "Grüße 世界 🌍", "", " ", "\n", "*/ //", "\\", "/slashes"),
    *("é" * 90, '" ""', "x" * 200),
)
COMMENTS = st.one_of(
    st.sampled_from(_TEXTS),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=40),
    st.builds("\n".join, st.lists(st.sampled_from(_TEXTS), max_size=4)),
)
