"""How long workers under faults wait for an answer of the cloud."""

READ_SECONDS = 5
STALL_SECONDS = READ_SECONDS + 1.5  # what holds an answer back holds it longer than anybody waits
