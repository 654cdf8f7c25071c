"""The typical messages whose size `make bench` measures."""

from __future__ import annotations

import pytest
from google.protobuf import json_format
from google.protobuf.descriptor import Descriptor

from bench import typical
from bodybroker.quest.v1 import quest_pb2
from bodybroker.story_teller.v1 import story_teller_pb2
from bodybroker.weather_manager.v1 import weather_manager_pb2

QUEST = quest_pb2.DESCRIPTOR.message_types_by_name


def test_requests_responses_and_events_are_measured_and_parts_of_them_are_not() -> None:
    names = {message.name for message in typical.messages_of(quest_pb2.DESCRIPTOR)}

    assert names >= {"GenerateQuestRequest", "GenerateQuestResponse", "QuestGenerated"}
    assert "Objective" not in names


def test_every_field_has_a_value_and_the_same_one_each_time() -> None:
    descriptor = QUEST["CompleteObjectiveRequest"]
    message = typical.filled(descriptor)

    assert {field.name for field, _ in message.ListFields()} == {
        field.name for field in descriptor.fields
    }
    assert message == typical.filled(descriptor)


def test_a_oneof_has_one_value_and_json_reads_it_back() -> None:
    for descriptor in typical.messages_of(quest_pb2.DESCRIPTOR):
        message = typical.filled(descriptor)
        text = json_format.MessageToJson(message)
        assert json_format.Parse(text, type(message)()) == message


@pytest.mark.parametrize(
    ("descriptor", "kind"),
    [
        (QUEST["CompleteObjectiveRequest"], "ids"),
        (weather_manager_pb2.DESCRIPTOR.message_types_by_name["GetWeatherResponse"], "ids"),
        (QUEST["GenerateQuestResponse"], "mixed"),
        (story_teller_pb2.DESCRIPTOR.message_types_by_name["StorySegment"], "text"),
    ],
)
def test_a_message_is_classed_by_how_much_prose_it_has(descriptor: Descriptor, kind: str) -> None:
    assert typical.kind(typical.filled(descriptor)) == kind
