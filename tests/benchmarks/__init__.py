"""What sharing costs, as ratios within one run; see the README beside this. Nothing here is asserted."""
