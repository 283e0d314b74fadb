"""What KPIs are made of, each as parts: records, who they belong to, their group and their value."""
