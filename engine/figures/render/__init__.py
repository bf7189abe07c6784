"""Renderers: a drawing as Vega-Lite, Plotly, moving lines, a printed figure or a page of them."""
