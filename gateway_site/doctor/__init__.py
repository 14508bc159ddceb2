"""What is wrong with this site, in plain words, each with what to do next.

findings.py    what a probe says
examining.py   every probe, each bounded in time and failing alone
telling.py     the findings for a person
the others     the probes: functions that yield findings and change nothing
"""
