"""The dashboards of `deploy/grafana`, written from tables of panels: one for each reader, none by hand."""
