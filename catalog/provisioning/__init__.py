"""The engine: carries operations out, step by step, whatever breaks on the way.

claims.py       take a step: one worker at a time, by one conditional UPDATE
runner.py       run steps inline as far as they go without waiting
context.py      what a step may do; ``ensure`` creates exactly one of everything
outcomes.py     write down how it ended, if the attempt is still ours
polling.py      settle what waits for the cloud, one look per cloud project
sweeping.py     find again whatever no message travels for
late_arrivals.py  look for second copies of what was asked for without an answer
cloud_quota.py  keep the Keystone project's quota equal to what stands there
plans.py        from a step's row to its definition, and the check at start-up
"""
