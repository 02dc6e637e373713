"""What the audit trail costs: writing it beside a change, and proving it.

    python -m benchmarks.audit [--pairs N] [--seconds S] [--entries N]

Needs CLOUDLOKET_DATABASE_URL, whose user may make a database beside it, and the other variables
of the portal. Every commit waits for the disk, as in production.

1. Sixteen processes, each with a connection of its own, run the same small business transaction
   without and with its audit entry, in interleaved pairs. It does what a service does: lock a row,
   check a role, write a row with two foreign keys, an index and checks, commit. Each process has a
   row of its own to lock, so that only the trail can make them wait. Target: a median ratio of at
   least 0.7. Beside it the barest one, that write alone, without a target: an entry is a lock and a
   write of that same size, and no act of the portal is so bare (docs/adr/0012).
2. One million entries are written and proved by ``verify_audit``'s own code, in a process of its
   own of which the greatest memory is printed.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import time
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from multiprocessing.connection import Connection
from typing import Any, Final

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
django.setup()

from django.db import connection, transaction
from django.utils.timezone import now

from benchmarks.scratch import a_database, a_team, processes
from portal.audit.macs import FORMAT, Facts, entry_mac, microseconds
from portal.audit.models import CHAIN_COUNT, GENESIS, PLACES
from portal.audit.services import anchor_chains, record
from portal.audit.verification import Proof
from portal.identity.access import has_role
from portal.identity.models import Node, Person, Role, RoleGrant
from tests.factories import grant, make_project

WRITERS: Final = 16
TARGET: Final = 0.7


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--pairs", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=4.0, help="of each half of a pair")
    parser.add_argument("--entries", type=int, default=1_000_000)
    options = parser.parse_args()
    with a_database():
        if options.pairs:
            measure_writing(options.pairs, options.seconds)
        if options.entries:
            measure_proving(options.entries)


# --- writing -----------------------------------------------------------------------------------


def grant_a_role(person: Person, node_id: int, *, is_audited: bool) -> None:
    """As the services do: lock, check, change, audit."""
    with transaction.atomic(durable=True):
        node = Node.objects.select_for_update().get(pk=node_id)
        if has_role(person, node, Role.AUDITOR):
            raise RuntimeError("has it already")
        given = grant(person, Role.REQUESTER, node)
        if is_audited:
            record("role.granted", given, actor=person, node_id=node_id, data={"role": given.role})


def grant_barely(person: Person, node_id: int, *, is_audited: bool) -> None:
    """The write alone."""
    with transaction.atomic(durable=True):
        moment = now()
        given = RoleGrant.objects.create(
            person=person,
            node_id=node_id,
            role=Role.REQUESTER,
            issuer="https://idp.example.nl",
            valid_from=moment,
            valid_until=moment + timedelta(days=1),
        )
        if is_audited:
            record("role.granted", given, actor=person, node_id=node_id, data={"role": given.role})


ACTS: Final[dict[str, Callable[..., None]]] = {
    "lock, check, write": grant_a_role,
    "the barest write": grant_barely,
}


def measure_writing(pairs: int, seconds: float) -> None:
    """Print each pair, and the median of the ratios with their spread."""
    places = [make_project().pk for _ in range(WRITERS)]
    people = [Person.objects.create(name=f"writer {number}") for number in range(WRITERS)]
    who_and_where = list(zip(people, places, strict=True))
    with a_team(WRITERS) as team:
        for act, do in ACTS.items():
            acts = {
                is_audited: [partial(do, *each, is_audited=is_audited) for each in who_and_where]
                for is_audited in (False, True)
            }
            for each in acts.values():  # warm
                team.rate(each, 1.0)
            ratios = []
            for pair in range(1, pairs + 1):
                order = (False, True) if pair % 2 else (True, False)
                rates = {is_audited: team.rate(acts[is_audited], seconds) for is_audited in order}
                ratios.append(rates[True] / rates[False])
                print(
                    f"{act}, pair {pair}: {rates[False]:6.0f}/s without, {rates[True]:6.0f}/s"
                    f" with audit, ratio {ratios[-1]:.2f}",
                    flush=True,
                )
            print(
                f"{act}: ratio median {statistics.median(ratios):.2f}, from {min(ratios):.2f} to"
                f" {max(ratios):.2f}"
            )
    print(f"target of the first: {TARGET}; the second shows the price beside a bare INSERT")


# --- proving -----------------------------------------------------------------------------------


def measure_proving(count: int) -> None:
    """Print entries per second, and the memory of the process that proves them."""
    write_many(count)
    connection.close()
    ours, theirs = processes.Pipe()
    process = processes.Process(target=prove, args=(theirs,))
    process.start()
    before, after, seconds, entries, faults = ours.recv()
    process.join()
    print(
        f"proved {entries} entries in {seconds:.1f} s: {entries / seconds:.0f}/s, {faults} faults;"
        f" peak memory {after / 1024:.0f} MB, of which {before / 1024:.0f} MB before it began"
    )


def prove(answers: Connection) -> None:
    before = peak_kib()
    began = time.perf_counter()
    proof = Proof()
    faults = len(list(proof.find_faults()))
    seconds = time.perf_counter() - began
    answers.send((before, peak_kib(), seconds, proof.entries, faults))
    connection.close()


def peak_kib() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def write_many(count: int) -> None:
    """Entries as ``record`` makes them, copied in at once; with an anchor on top."""
    empty_trail()
    heads = dict.fromkeys(range(CHAIN_COUNT), (0, GENESIS))
    moment = now() - timedelta(days=30)
    columns = "id, chain, sequence, format, at, event, actor_id, node_id, subject_type,"
    columns += " subject_public_id, result, code, channel, address, agent, request_id, beside,"
    columns += " data, previous_mac, mac"
    with transaction.atomic(), connection.cursor() as cursor:
        with cursor.copy(f"COPY audit_auditentry ({columns}) FROM STDIN") as copy:
            for number in range(count):
                chain = number % CHAIN_COUNT
                length, head = heads[chain]
                at = moment + timedelta(seconds=number)
                facts = made_up(chain, length + 1, at, heads[(chain - 1) % CHAIN_COUNT][0])
                mac = entry_mac(head, facts)
                entry_id = facts.sequence * PLACES + chain
                copy.write_row((entry_id, *facts[1:3], facts.format, at, *facts[4:], head, mac))
                heads[chain] = (facts.sequence, mac or b"")
        for chain, (length, head) in heads.items():
            cursor.execute(
                "UPDATE audit_auditchain SET length = %s, head = %s WHERE number = %s",
                [length, head, chain],
            )
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE audit_auditentry")
    anchor_chains()


def made_up(chain: int, sequence: int, at: Any, beside: int) -> Facts:
    return Facts(
        format=FORMAT,
        chain=chain,
        sequence=sequence,
        at=microseconds(at),
        event="order.approved",
        actor_id=sequence % 997,
        node_id=sequence % 101,
        subject_type="Order",
        subject_public_id=f"0b4cf1f0-6a8c-4f6a-8f0e-{sequence:012d}",
        result="succeeded",
        code="",
        channel="page",
        address="2001:db8:1234:5678::17",
        agent="Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
        request_id="9f86d081884c7d659a2feaa0c55ad015",
        beside=beside,
        data='{"plan":"server.provision.2","resource":"5f0f7c9e-3c1b-4d3a-9a55-0a8f5a1f9a01"}',
    )


def empty_trail() -> None:
    """As only the owner of the database can; this one is ours and is dropped afterwards."""
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        cursor.execute("TRUNCATE audit_auditentry, audit_auditanchor")
        cursor.execute("UPDATE audit_auditchain SET length = 0, head = %s", [GENESIS])


if __name__ == "__main__":
    main()
