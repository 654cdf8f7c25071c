"""What a cache is made of: its memory, the keys of requests, and the partitions of an outbox."""

from __future__ import annotations

from google.protobuf import descriptor_pb2
from google.protobuf.struct_pb2 import Struct
from hypothesis import given
from hypothesis import strategies as st

from protonats._caching.keys import key_of
from protonats._caching.local import LocalTier
from protonats._outbox.partitions import Partitions

KEYS = st.sampled_from([b"a", b"bb", b"ccc", b"dddd"])
STEPS = st.one_of(
    st.tuples(st.just("put"), KEYS, st.binary(max_size=12), st.integers(1, 20)),
    st.tuples(st.just("get"), KEYS),
    st.tuples(st.just("remove"), KEYS),
    st.tuples(st.just("clear")),
)
FIELDS = ("name", "number", "json_name", "proto3_optional")


@given(st.lists(STEPS, max_size=40), st.integers(0, 3), st.integers(0, 30))
def test_memory_stays_within_its_bounds_and_never_gives_a_wrong_value(
    steps: list[tuple[object, ...]], max_entries: int, max_bytes: int
) -> None:
    tier = LocalTier(max_entries, max_bytes)
    model: dict[bytes, tuple[bytes, int]] = {}
    for now, step in enumerate(steps):
        match step:
            case ("put", bytes() as key, bytes() as value, int() as seconds):
                tier.put(key, value, now + seconds)
                model[key] = (value, now + seconds)
            case ("get", bytes() as key):
                found = tier.get(key, now)
                if found is not None:
                    assert found == model[key][0]
                    assert model[key][1] > now
            case ("remove", bytes() as key):
                tier.remove(key)
                model.pop(key, None)
            case _:
                tier.clear()
                model.clear()
        assert len(tier) <= max_entries
        assert tier.size <= max_bytes
        assert tier.size == sum(len(key) + len(entry[0]) for key, entry in tier._entries.items())


def test_what_was_used_longest_ago_goes_first() -> None:
    tier = LocalTier(2, 1000)
    for key in (b"a", b"b"):
        tier.put(key, key, 10)
    assert tier.get(b"a", 0) == b"a"
    tier.put(b"c", b"c", 10)
    assert [tier.get(key, 0) for key in (b"a", b"b", b"c")] == [b"a", None, b"c"]


def test_a_value_larger_than_the_memory_replaces_nothing_but_its_predecessor() -> None:
    tier = LocalTier(10, 10)
    tier.put(b"a", b"1", 10)
    tier.put(b"b", b"2", 10)
    tier.put(b"b", bytes(100), 10)
    assert (tier.get(b"a", 0), tier.get(b"b", 0)) == (b"1", None)


def _field(
    name: str, number: int, label: bool, optional: bool
) -> descriptor_pb2.FieldDescriptorProto:
    field = descriptor_pb2.FieldDescriptorProto(name=name)
    if number:
        field.number = number
    if label:
        field.json_name = ""
    if optional:
        field.proto3_optional = False
    return field


@given(
    *(st.builds(_field, st.sampled_from("ab"), st.integers(0, 1), st.booleans(), st.booleans()),)
    * 2,
    st.lists(st.sampled_from(FIELDS), unique=True, min_size=1),
)
def test_two_requests_have_the_same_key_if_they_are_equal_in_the_fields_of_the_key(
    left: descriptor_pb2.FieldDescriptorProto,
    right: descriptor_pb2.FieldDescriptorProto,
    names: list[str],
) -> None:
    """A field that is set to its default differs from one that is not set."""
    key = key_of(descriptor_pb2.FieldDescriptorProto, tuple(names))
    equal = all(
        left.HasField(name) == right.HasField(name)  # type: ignore[arg-type]
        and getattr(left, name) == getattr(right, name)
        for name in names
    )
    assert (key(left) == key(right)) == equal


def test_unknown_fields_count_for_the_whole_request_alone() -> None:
    known = descriptor_pb2.FieldDescriptorProto(name="a")
    unknown = descriptor_pb2.FieldDescriptorProto.FromString(
        known.SerializeToString() + b"\xf8\x7f\x01"
    )
    by_name = key_of(descriptor_pb2.FieldDescriptorProto, ("name",))
    whole = key_of(descriptor_pb2.FieldDescriptorProto, ())
    assert by_name(known) == by_name(unknown)
    assert whole(known) != whole(unknown)


@given(st.permutations("abcdefgh"))
def test_the_order_in_which_a_map_was_filled_makes_no_difference(order: list[str]) -> None:
    shuffled, sorted_ = Struct(), Struct()
    shuffled.update(dict.fromkeys(order, 1.0))
    sorted_.update(dict.fromkeys(sorted(order), 1.0))
    assert key_of(Struct, ())(shuffled) == key_of(Struct, ())(sorted_)
    assert key_of(Struct, ("fields",))(shuffled) == key_of(Struct, ("fields",))(sorted_)


@given(st.text(max_size=20), st.integers(1, 64))
def test_all_keys_of_a_partition_are_in_one_hash_slot(entity: str, count: int) -> None:
    from redis.crc import key_slot

    partition = Partitions("quest", count).of(entity)
    assert partition in Partitions("quest", count).all()
    keys = [partition.entries, partition.lease, partition.commit("1"), partition.key("q", entity)]
    assert len({key_slot(key.encode()) for key in keys}) == 1
