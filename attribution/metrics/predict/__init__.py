"""Expected revenue of open leads: what was known of leads at month-ends, and what they brought since."""
