"""The decision on a scan: the policy, the absences it accepts, the verdict."""
