"""Everything between the portal and its cloud that can go wrong, on purpose and by a seed.

passing.py      a proxy that passes requests on, and may do otherwise
dealing.py      which faults there are, and which request gets one
catalogue.py    a proxy before every service that the cloud's catalogue names
processes.py    what is killed meanwhile
offers.py       what is ordered, of every kind
run.py          many operations of all kinds through all of that
proofs.py       what must be true afterwards, without a person; usage.py, access.py and
                listings.py look at money, at who can get in, and at the cloud
__main__.py     the long run: ``python -m tests.faults --operations 200 --seed 1``
"""
