"""What decides: the policy, the absences it accepts, the verdict."""
