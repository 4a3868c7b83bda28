"""The run that is shown: canvas, timeline, panes, forks, exports."""
