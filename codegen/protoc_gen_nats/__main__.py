"""`python -m protoc_gen_nats`: the plugin, where no program of that name is on the path."""

from protoc_gen_nats.launch import plugin

if __name__ == "__main__":
    plugin()
